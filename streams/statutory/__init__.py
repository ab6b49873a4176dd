"""What has a form by law: transparency reports, statements of reasons, notices to authorities."""
