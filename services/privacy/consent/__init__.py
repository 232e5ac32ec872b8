"""What each subject agreed to: recording it, mirroring it, answering from it."""
