package barrier

import (
	"fmt"

	"conclave/hsm/secret"
)

// ParseAccessor reads an accessor's entry: the token that it is of. The caller
// wipes it. Members that it does not know stay unread.
func ParseAccessor(plain secret.Bytes) (id secret.Bytes, err error) {
	secret.Do(func() {
		var members []member
		if members, err = object(plain.Expose(), "the entry", "token_id"); err != nil {
			return
		}
		for _, m := range members {
			if m.name == "token_id" {
				id, err = tokenText(m.value)
			}
		}
		if err == nil && id.Len() == 0 {
			err = corrupt("the entry has no token")
		}
	})
	if err != nil {
		id.Wipe()
		return secret.Bytes{}, fmt.Errorf("reading an accessor's entry: %w", err)
	}
	return id, nil
}
