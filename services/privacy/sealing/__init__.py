"""The keys of people: made, wrapped, given to services that seal and open, and destroyed for good."""
