package ceremony

// PlainShares is how many issued shares a run still holds in plain.
func PlainShares(r *Run) int {
	n := 0
	for _, s := range r.delivery.shares {
		if s.Plain.Len() > 0 {
			n++
		}
	}
	return n
}
