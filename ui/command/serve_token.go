package command

import (
	"encoding/hex"
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"

	"conclave/hsm/secret"
)

// sessionToken is what a request over loopback must carry. It lies in a file of
// mode 0600 as long as the session lasts.
type sessionToken struct {
	file string
	text secret.Bytes
}

// newSessionToken makes the file, which must not be there.
func newSessionToken(file string) (*sessionToken, error) {
	raw := secret.Random(32)
	defer raw.Wipe()
	text := secret.New(2 * raw.Len())
	hex.Encode(text.Expose(), raw.Expose())
	f, err := os.OpenFile(file, os.O_WRONLY|os.O_CREATE|os.O_EXCL|unix.O_NOFOLLOW, 0o600) // #nosec G304 -- the operator's choice
	if err != nil {
		text.Wipe()
		return nil, fmt.Errorf("making the file with the session's token: %w", err)
	}
	_, err = f.Write(text.Expose())
	if err = errors.Join(err, f.Close()); err != nil {
		text.Wipe()
		return nil, fmt.Errorf("making the file with the session's token: %w", errors.Join(err, os.Remove(file)))
	}
	return &sessionToken{file: file, text: text}, nil
}

func (t *sessionToken) remove() {
	if t != nil {
		_ = os.Remove(t.file) // it opens nothing any more
		t.text.Wipe()
	}
}
