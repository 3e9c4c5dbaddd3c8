"""What pages are made of: elements, pictures and figures, without scripts or outside resources."""
