package ceremony

import (
	"encoding/base64"
	"regexp"
	"strings"

	"conclave/vaultstate/share"
)

// What looks like a secret, whether or not it is one that the run knows.

var (
	tokenShape = regexp.MustCompile(`(?:^|[^A-Za-z0-9])(?:hvs|hvb|hvr|s|b|r)\.[A-Za-z0-9_-]{18,}`)
	armorShape = regexp.MustCompile(`(?i)-----\s*BEGIN|PRIVATE KEY BLOCK`)
	hexRun     = regexp.MustCompile(`[0-9A-Fa-f]{2,}(?:[ :.-]?[0-9A-Fa-f]{2,})*`)
	groupRun   = regexp.MustCompile(`(?:[0-9A-F]{6}[0-9A-HJKMNPQRTV-Z]){3,}`)
	aGroup     = regexp.MustCompile(`\b[0-9A-F]{6}[0-9A-HJKMNPQRTV-Z]\b`)
	word64     = regexp.MustCompile(`[A-Za-z0-9+/_-]{43,}`)
)

// SecretShape tells whether a text holds something of the shape of a share, a
// token or a private key. A PGP fingerprint, 40 hex digits, is none.
func SecretShape(text string) bool {
	if tokenShape.MatchString(text) || armorShape.MatchString(text) {
		return true
	}
	for _, run := range hexRun.FindAllString(text, -1) {
		digits, letters := 0, 0
		for _, c := range run {
			switch {
			case c >= '0' && c <= '9':
				digits++
			case c >= 'A':
				letters++
			}
		}
		if n := digits + letters; n >= 24 && n != 40 && digits > 0 && letters > 0 && 8*digits >= n {
			return true
		}
	}
	upper := strings.ToUpper(text)
	for _, run := range groupRun.FindAllString(strings.Join(strings.Fields(upper), ""), -1) {
		// Checks that are all hex digits make a run of hex, which is above.
		if strings.ContainsAny(run, "0123456789") && strings.ContainsAny(run, "GHJKMNPQRTVWXYZ") {
			return true
		}
	}
	if share.GroupsFit(aGroup.FindAllString(upper, -1)) { // with numbers or words between them
		return true
	}
	for _, w := range word64.FindAllString(text, -1) {
		if shareSize(w) && mixed(w) {
			return true
		}
	}
	return false
}

// mixed tells whether capitals and small letters are mixed as in base64. One share
// in two thousand has no digit; two in a million have fewer than four of either.
func mixed(w string) bool {
	const few = 4
	small, capital, digits := 0, 0, 0
	for _, c := range w {
		switch {
		case c >= 'a' && c <= 'z':
			small++
		case c >= 'A' && c <= 'Z':
			capital++
		case c >= '0' && c <= '9':
			digits++
		}
	}
	return min(small, capital) >= few || min(small, capital, digits) > 0
}

// shareSize tells whether a word is base64 of as many bytes as a share has.
func shareSize(w string) bool {
	if len(w) > 44 || strings.ContainsAny(w, "+/") && strings.ContainsAny(w, "-_") {
		return false
	}
	w = strings.NewReplacer("-", "+", "_", "/").Replace(w)
	b, err := base64.RawStdEncoding.DecodeString(w)
	return err == nil && (len(b) == 32 || len(b) == 33)
}

// likeNoName tells whether a text is no person's name, who type it by hand: a
// secret with blanks in it; or a part of one, too short for SecretShape, as it is
// long and full of digits.
func likeNoName(text string) bool {
	tight := strings.Join(strings.Fields(text), "")
	if len(tight) < 20 {
		return false
	}
	for _, prefix := range []string{"s.", "hvs.", "b.", "hvb.", "-----BEGIN"} {
		if strings.HasPrefix(tight, prefix) {
			return true
		}
	}
	digits := 0
	for _, c := range tight {
		if c >= '0' && c <= '9' {
			digits++
		}
	}
	return 8*digits >= len(tight) || SecretShape(tight)
}
