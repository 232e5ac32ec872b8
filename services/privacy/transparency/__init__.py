"""What an app does with people's data, by its catalog."""
