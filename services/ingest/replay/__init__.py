"""Replays dead letters: their events are taken again, by the catalog and the consent of now."""
