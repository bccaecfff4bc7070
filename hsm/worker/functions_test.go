//go:build cgo

package worker

import (
	"testing"

	"github.com/miekg/pkcs11"

	"conclave/hsm/softhsm/need"
)

// TestFunctions: the list of functions lies in the binding where functions takes
// it from. It begins with the version of PKCS#11.
func TestFunctions(t *testing.T) {
	ctx := pkcs11.New(need.Tool(t, "softhsm"))
	if ctx == nil {
		t.Fatal("SoftHSM cannot be loaded")
	}
	defer ctx.Destroy()
	l := functions(ctx)
	if l.version[0] != 2 || l.version[1] != 40 {
		t.Errorf("the list is of version %d.%d", l.version[0], l.version[1])
	}
	for i, f := range l.f {
		if f == nil {
			t.Errorf("function %d is not there", i)
		}
	}
}
