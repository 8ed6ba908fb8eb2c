"""What a recipe or a paper claims, decided from what was measured. Nothing here loads torch."""
