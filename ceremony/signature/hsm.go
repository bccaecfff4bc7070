package signature

import (
	"bytes"
	"regexp"

	"conclave/ceremony/transcript"
)

// noteLine is a key of a signed note.
var noteLine = regexp.MustCompile(`^\S+\+[0-9a-f]{8}\+[A-Za-z0-9+/=]+\s*$`)

func isNoteKey(data []byte) bool {
	return bytes.HasPrefix(data, []byte("-----BEGIN PUBLIC KEY-----")) || len(data) < 4096 && noteLine.Match(data)
}

// addNoteKey takes the public key of an HSM that signs records.
func (t *Trust) addNoteKey(data []byte) error {
	k, err := transcript.ParseNoteKey(string(data))
	if err != nil {
		return err
	}
	t.hsm = append(t.hsm, k)
	return nil
}

// HSM finds the trusted key that a signature in a checkpoint names.
func (t *Trust) HSM(s transcript.NoteSignature) (transcript.NoteKey, bool) {
	for _, k := range t.hsm {
		if k.Made(s) {
			return k, true
		}
	}
	return transcript.NoteKey{}, false
}
