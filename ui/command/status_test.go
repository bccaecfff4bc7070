package command

import (
	"fmt"
	"strings"
	"testing"

	"conclave/hsm"
)

// TestHSMSentence: each thing is said once.
func TestHSMSentence(t *testing.T) {
	own := fmt.Errorf("%w: label %q. Connected now: %q (serial 1, slot 2)", hsm.ErrTokenNotFound, "NOPE", "OTHER")
	if got := hsmSentence(own); got != own.Error() {
		t.Errorf("the library's own sentences became %q", got)
	}
	call := fmt.Errorf("looking: %w", &hsm.Error{Call: "C_Login", Code: 0xA4, Sentence: "The PIN of the token is locked. Ask its officer."})
	got := hsmSentence(call)
	if strings.Count(got, "The PIN of the token is locked.") != 1 || !strings.Contains(got, "C_Login") {
		t.Errorf("a failed call became %q", got)
	}
}
