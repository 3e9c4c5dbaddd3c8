"""What several formats share: finding and opening files, headers, tables, pictures, databases."""
