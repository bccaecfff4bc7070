package gpg

import (
	"errors"
	"strings"

	"conclave/ceremony"
)

// Problem is an error of this package in three sentences.
func Problem(err error) *ceremony.Problem {
	p := &ceremony.Problem{Happened: "gpg did not decrypt the file.", State: "Nothing was taken, and nothing is changed.",
		Do: "Try again, or decrypt it on a device of your own and type what it says."}
	var f *Failure
	if errors.As(err, &f) {
		p.State = "It said: " + strings.TrimSuffix(f.Said, ".") + ". " + p.State
	} else {
		p.Code = err.Error()
	}
	return p
}
