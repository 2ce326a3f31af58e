"""Batch prediction: ``python -m eagleray_serving.batch`` answers every row of some files, in a Pod of its own."""
