"""Tests: unit/ mirrors src/, wire/ and tour/ run the real client, properties/ states what always holds."""
