package pgp

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp/armor"
	"github.com/ProtonMail/go-crypto/openpgp/packet"
	openpgp "github.com/ProtonMail/go-crypto/openpgp/v2"

	"conclave/hsm/secret"
)

// Encrypt encrypts to the key, as a binary message.
func (k Key) Encrypt(plaintext secret.Bytes) ([]byte, error) {
	message, err := k.encrypt(plaintext, time.Now())
	if err != nil {
		return nil, fmt.Errorf("encrypting to the PGP key %s: %w", k.Fingerprint, err)
	}
	return message, nil
}

func (k Key) encrypt(plaintext secret.Bytes, now time.Time) ([]byte, error) {
	if plaintext.Len() == 0 {
		return nil, errors.New("there is nothing to encrypt")
	}
	e, err := parse(k.Binary)
	if err != nil {
		return nil, err
	}
	used, err := e.EncryptionKeyWithError(now, config(now))
	if err != nil {
		return nil, errors.New(k.why(e, err, now))
	}
	var message bytes.Buffer
	secret.Do(func() { err = write(&message, e, plaintext, config(now)) })
	if err != nil {
		return nil, err
	}
	return message.Bytes(), checkShape(message.Bytes(), used.PublicKey.KeyId)
}

func write(to io.Writer, e *openpgp.Entity, plaintext secret.Bytes, c *packet.Config) error {
	w, err := openpgp.Encrypt(to, []*openpgp.Entity{e}, nil, nil, nil, c)
	if err != nil {
		return err
	}
	if _, err := w.Write(plaintext.Expose()); err != nil {
		return err
	}
	return w.Close()
}

// Tags of a message.
const (
	tagSessionKey = 1
	tagProtected  = 18
)

// checkShape holds a message to what the package promises: a session key of
// version 3 for the one recipient, then protected data of version 1.
func checkShape(message []byte, keyID uint64) error {
	packets := packet.NewOpaqueReader(bytes.NewReader(message))
	session, err := packets.Next()
	if err != nil || session.Tag != tagSessionKey || len(session.Contents) < 9 || session.Contents[0] != 3 {
		return errors.New("the message does not begin with one session key of version 3")
	}
	if got := packetKeyID(session.Contents); got != keyID {
		return errors.New("the message is for another key")
	}
	data, err := packets.Next()
	if err != nil || data.Tag != tagProtected || len(data.Contents) < 1 || data.Contents[0] != 1 {
		return errors.New("the message's data are not protected in version 1")
	}
	if _, err := packets.Next(); !errors.Is(err, io.EOF) {
		return errors.New("the message has more than two packets")
	}
	return nil
}

// Addressed refuses a message, made by somebody else, that is not for this key
// alone. It does not tell whether the message can be decrypted.
func (k Key) Addressed(message []byte) error {
	e, err := parse(k.Binary)
	if err != nil {
		return err
	}
	ours := map[uint64]bool{e.PrimaryKey.KeyId: true}
	for _, s := range e.Subkeys {
		ours[s.PublicKey.KeyId] = true
	}
	packets := packet.NewOpaqueReader(bytes.NewReader(message))
	for n := 0; ; n++ {
		p, err := packets.Next()
		switch {
		case err != nil:
			return errors.New("it is no OpenPGP message")
		case p.Tag != tagSessionKey && n > 0:
			return nil
		case p.Tag != tagSessionKey || len(p.Contents) < 9 || p.Contents[0] != 3:
			return errors.New("it is not a message to one key, with a session key of version 3")
		case !ours[packetKeyID(p.Contents)]:
			return fmt.Errorf("it is for the key id %016x", packetKeyID(p.Contents))
		}
	}
}

func packetKeyID(session []byte) (id uint64) {
	for _, b := range session[1:9] {
		id = id<<8 | uint64(b)
	}
	return id
}

const (
	messageType    = "PGP MESSAGE"
	practiceHeader = "PRACTICE. Made in a rehearsal, worth nothing."
)

// Armor writes a message in armor; a practice message says that it is one.
func Armor(message []byte, practice bool) ([]byte, error) {
	return ArmorNoted(message, practice, "")
}

// ArmorNoted is Armor with a note in the header, in ASCII and on one line.
func ArmorNoted(message []byte, practice bool, note string) ([]byte, error) {
	return wrap(messageType, message, practice, note)
}

// Armor writes the public key in armor.
func (k Key) Armor(practice bool) ([]byte, error) {
	return wrap(openpgp.PublicKeyType, k.Binary, practice, "")
}

func wrap(kind string, data []byte, practice bool, note string) ([]byte, error) {
	var headers map[string]string
	if practice {
		note = strings.TrimSpace(practiceHeader + " " + note)
	}
	if note != "" {
		headers = map[string]string{"Comment": note}
	}
	var out bytes.Buffer
	w, err := armor.Encode(&out, kind, headers)
	if err != nil {
		return nil, fmt.Errorf("writing armor: %w", err)
	}
	if _, err := w.Write(data); err != nil {
		return nil, fmt.Errorf("writing armor: %w", err)
	}
	if err := w.Close(); err != nil {
		return nil, fmt.Errorf("writing armor: %w", err)
	}
	out.WriteByte('\n')
	return out.Bytes(), nil
}
