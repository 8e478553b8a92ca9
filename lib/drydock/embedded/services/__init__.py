"""A package for each AWS service, named as moto names it, that is more than moto's."""
