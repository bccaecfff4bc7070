// Package words says bytes as the words of the PGP word list, for what two
// people compare aloud: hashes and fingerprints, never a secret.
//
// Bytes at even positions become words of two syllables, bytes at odd positions
// words of three, so that a word that is dropped, doubled or swapped with its
// neighbour is heard. The list is the one of Patrick Juola and Philip
// Zimmermann (1995), as IANA's key ceremonies use it. TestPublished compares it
// with published examples.
package words

import (
	"fmt"
	"strings"
)

// Words returns one word a byte.
func Words(b []byte) []string {
	out := make([]string, len(b))
	for i, v := range b {
		if i%2 == 0 {
			out[i] = even[v]
		} else {
			out[i] = odd[v]
		}
	}
	return out
}

// Bytes reverses Words; case does not matter.
func Bytes(words []string) ([]byte, error) {
	out := make([]byte, len(words))
	for i, w := range words {
		v, where := find(w)
		switch where {
		case i % 2:
			out[i] = v
		case neither:
			return nil, fmt.Errorf("word %d is not in the word list", i+1)
		default:
			return nil, fmt.Errorf("word %d is of the other list: a word was dropped, doubled or swapped before it", i+1)
		}
	}
	return out, nil
}

const neither = -1

var places = func() map[string]int {
	m := make(map[string]int, len(even)+len(odd))
	for i := range even {
		m[strings.ToLower(even[i])] = 2 * i
		m[strings.ToLower(odd[i])] = 2*i + 1
	}
	return m
}()

// find returns a word's byte and its list: 0 even, 1 odd, or neither.
func find(w string) (v byte, list int) {
	p, ok := places[strings.ToLower(w)]
	if !ok {
		return 0, neither
	}
	return byte(p / 2), p % 2
}
