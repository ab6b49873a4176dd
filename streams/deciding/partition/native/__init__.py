"""What every stage needs of the native core. No room outside of packages of this name needs it to decide."""
