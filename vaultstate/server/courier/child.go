package courier

import (
	"context"
	"os"

	"conclave/hsm/secret"
	"conclave/vaultstate/server"
)

// Child sends a request and exits if this process was started as the courier,
// and returns at once otherwise. It is called in main after secret.Harden, and
// in every TestMain whose tests send requests so.
func Child() {
	if len(os.Args) != 1 || os.Args[0] != marker {
		return
	}
	secret.Harden() // exec reset it
	os.Exit(serve(os.NewFile(3, "parent")))
}

// serve is the life of the child.
func serve(parent *os.File) int {
	if _, err := parent.Write([]byte{'C'}); err != nil {
		return 1
	}
	r, err := readRequest(parent)
	if err != nil {
		return 1
	}
	defer secret.WipeAll([]secret.Bytes{r.Token, r.Body})
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	go func() {
		_, _ = parent.Read(make([]byte, 1)) // nothing more comes: the parent is gone
		cancel()
	}()
	a, err := server.Send(ctx, r)
	defer a.Body.Wipe()
	if err := writeAnswer(parent, a, err); err != nil {
		return 1
	}
	return 0
}
