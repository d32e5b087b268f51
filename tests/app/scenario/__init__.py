"""Two years of a lender and of a hospital, as their people live through them."""
