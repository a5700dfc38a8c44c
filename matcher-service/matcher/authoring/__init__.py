"""What rule authors use: reviews of conditions, tests of a catalogue, and findings at their place in a file."""
