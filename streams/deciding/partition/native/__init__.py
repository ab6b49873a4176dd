"""What every stage needs of the native core. Nothing outside of packages of this name needs the extension."""
