package hsm

import (
	"context"

	"conclave/hsm/secret"
	"conclave/hsm/worker"
)

// Random returns n bytes (at most 256) of the token's own generator, after a
// login. The caller owns them.
func (t *Token) Random(ctx context.Context, n int) (secret.Bytes, error) {
	var out secret.Bytes
	err := t.try(ctx, t.ref(), func(w *worker.Client) error {
		var err error
		out, err = w.Random(ctx, t.cfg.Timeout, n)
		return err
	})
	return out, err
}
