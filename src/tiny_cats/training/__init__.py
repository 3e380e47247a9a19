"""One loop for both trainings (`loop.train`), and what is different between them: their tasks."""
