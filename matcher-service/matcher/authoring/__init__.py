"""Support for authors of conditions: validation, evaluation and tests of a catalogue."""
