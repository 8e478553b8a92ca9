"""What every kind of notebook needs: parameters, headless execution, a page, normalised outputs, words in a box."""
