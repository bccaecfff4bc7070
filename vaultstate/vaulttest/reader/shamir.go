package reader

// Combine is Shamir's scheme over GF(2^8): the value at 0 of the polynomials
// through the shares. The last byte of a share is its x.
func Combine(shares [][]byte) []byte {
	n := len(shares[0]) - 1
	key := make([]byte, n)
	for i, a := range shares {
		// The Lagrange coefficient: the product of x_j / (x_i + x_j).
		c := byte(1)
		for j, b := range shares {
			if i != j {
				c = mul(c, mul(b[n], inverse(a[n]^b[n])))
			}
		}
		for k := range key {
			key[k] ^= mul(c, a[k])
		}
	}
	return key
}

func mul(a, b byte) (p byte) {
	for ; b > 0; b >>= 1 {
		if b&1 == 1 {
			p ^= a
		}
		high := a & 0x80
		if a <<= 1; high != 0 {
			a ^= 0x1b
		}
	}
	return p
}

// inverse is a^254.
func inverse(a byte) byte {
	r := byte(1)
	for range 254 {
		r = mul(r, a)
	}
	return r
}
