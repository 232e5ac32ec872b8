"""What each person agreed to: recording it, mirroring it, answering from it."""
