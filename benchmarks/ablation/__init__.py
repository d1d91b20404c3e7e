"""What the adversarial part is worth: off, on, on with feature matching, from the same seeds."""
