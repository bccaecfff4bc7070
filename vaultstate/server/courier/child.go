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
	if _, err := parent.Write([]byte{hello}); err != nil {
		return 1
	}
	var q request
	token, body, err := read(parent, &q)
	if err != nil {
		return 1
	}
	defer token.Wipe()
	defer body.Wipe()
	pin, err := parsePin(q.Pin)
	if err != nil {
		return 1
	}
	q.Target.Pin, q.Target.Timeout = pin, q.Timeout
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	go func() {
		_, _ = parent.Read(make([]byte, 1)) // nothing more comes: the parent is gone
		cancel()
	}()
	a, err := server.Send(ctx, server.Request{Target: q.Target, Method: q.Method, Path: q.Path, Token: token, Body: body})
	defer a.Body.Wipe()
	out := answer{Status: a.Status, Location: a.Location, Pin: pinText(a.Pin)}
	if err != nil {
		out.Error, out.Kind = err.Error(), kindOf(err)
	}
	if err := write(parent, out, secret.Bytes{}, a.Body); err != nil {
		return 1
	}
	return 0
}
