"""How hard a simulated cohort is: contrasts, sizes, what is missing, what a trivial detector finds. Needs no torch."""
