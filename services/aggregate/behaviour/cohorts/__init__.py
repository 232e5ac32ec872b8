"""How many of each cohort came back."""
