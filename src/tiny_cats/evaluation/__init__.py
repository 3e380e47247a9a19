"""What a trained model is worth: numbers with intervals, their pictures, and gates that chance fails."""
