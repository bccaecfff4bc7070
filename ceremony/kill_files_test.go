package ceremony_test

import (
	"bytes"
	"fmt"
	"regexp"
	"strings"

	"conclave/ceremony/custodian"
	"conclave/hsm/secret"
)

// watchedShelf is a shelf that takes a moment before a file is written, with
// half of it on the medium, and after it.
type watchedShelf struct {
	*shelf
	take func(what string)
}

func (w watchedShelf) Put(name string, data []byte) (string, error) {
	if _, ok := w.files[name]; !ok {
		w.take("before the file " + name)
		w.files[name] = data[:len(data)/2]
		w.take("in the middle of the file " + name)
		delete(w.files, name)
	}
	sum, err := w.shelf.Put(name, data)
	w.take("after the file " + name)
	return sum, err
}

func bytesOf(s *shelf) string {
	n := 0
	for _, b := range s.files {
		n += len(b)
	}
	return fmt.Sprint(len(s.files), n)
}

// opened are the shares of all files that are whole.
func (s *site) opened(files map[string][]byte) map[string]secret.Bytes {
	s.t.Helper()
	got := map[string]secret.Bytes{}
	for _, name := range five[:2] {
		m := &room{s: s, shelf: &shelf{files: map[string][]byte{}}, fresh: got}
		for file, b := range files {
			if bytes.Contains(b, []byte("END PGP MESSAGE")) {
				m.shelf.files[file] = b
			}
		}
		m.received(name)
	}
	return got
}

var setOfFile = regexp.MustCompile(`Share [0-9]+ of set ([0-9a-f-]+), ceremony`)

// filesTell looks at every share file that lies about after a kill and what came
// after it: its armor names its set; the roster knows the set; if that is void,
// a file says so, and if it counts, the file holds the share that does.
func (s *site) filesTell(places ...map[string][]byte) {
	s.t.Helper()
	said := ""
	for _, files := range places {
		for name, b := range files {
			if strings.HasPrefix(name, "shares/VOID-") {
				said += string(b)
			}
		}
	}
	for _, files := range places {
		for name, b := range files {
			if !strings.HasSuffix(name, ".asc") || strings.HasPrefix(name, "challenges/") || strings.HasPrefix(name, "keys/") {
				continue
			}
			m := setOfFile.FindSubmatch(b)
			if m == nil {
				s.t.Errorf("%s does not say of which set it is", name)
				continue
			}
			state := ""
			for _, set := range s.roster.Sets {
				if set.ID == string(m[1]) {
					state = set.State
				}
			}
			switch state {
			case custodian.Void:
				if !strings.Contains(said, "VOID: the shares of the set "+string(m[1])) {
					s.t.Errorf("%s is of a void set, and no file says so", name)
				}
			case custodian.Valid:
				for who, raw := range s.opened(map[string][]byte{name: b}) {
					if !raw.Equal(s.held[who]) {
						s.t.Errorf("%s is of the set that counts, and holds another share", name)
					}
				}
			case custodian.Replaced: // it counted, until the next
			default:
				s.t.Errorf("%s is of a set that is %q in the roster", name, state)
			}
		}
	}
}
