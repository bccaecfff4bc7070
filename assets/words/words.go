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
		p := find(w)
		switch p.list {
		case i % 2:
			out[i] = p.value
		case neither:
			return nil, fmt.Errorf("word %d is not in the word list", i+1)
		default:
			return nil, fmt.Errorf("word %d is of the other list: a word was dropped, doubled or swapped before it", i+1)
		}
	}
	return out, nil
}

const neither = -1

// place is where a word stands: list 0 is even, 1 is odd.
type place struct {
	value byte
	list  int
}

var places = func() map[string]place {
	m := make(map[string]place, len(even)+len(odd))
	for i := range even {
		m[strings.ToLower(even[i])] = place{byte(i), 0}
		m[strings.ToLower(odd[i])] = place{byte(i), 1}
	}
	return m
}()

func find(w string) place {
	p, ok := places[strings.ToLower(w)]
	if !ok {
		return place{list: neither}
	}
	return p
}
