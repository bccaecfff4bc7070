package reader

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// Value is an entry's value as it is stored.
func Value(dir, key string) ([]byte, error) {
	i := strings.LastIndex(key, "/") + 1
	b, err := os.ReadFile(filepath.Join(dir, key[:i]+"_"+key[i:])) // #nosec G304 -- for tests
	if err != nil {
		return nil, err
	}
	var e struct{ Value []byte }
	if err := json.Unmarshal(b, &e); err != nil {
		return nil, fmt.Errorf("%s: %w", key, err)
	}
	return e.Value, nil
}

// Put writes an entry.
func Put(dir, key string, value []byte) error {
	b, err := json.Marshal(map[string][]byte{"Value": value})
	if err != nil {
		return err
	}
	i := strings.LastIndex(key, "/") + 1
	return os.WriteFile(filepath.Join(dir, key[:i]+"_"+key[i:]), append(b, '\n'), 0o600)
}

// Seal makes a barrier record.
func Seal(key []byte, term uint32, path string, plain []byte) ([]byte, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	gcm, err := cipher.NewGCM(block)
	if err != nil {
		return nil, err
	}
	record := append(binary.BigEndian.AppendUint32(nil, term), 2)
	nonce := make([]byte, 12)
	_, _ = rand.Read(nonce) // never fails
	return gcm.Seal(append(record, nonce...), nonce, plain, []byte(path)), nil
}

// decrypt opens a barrier record: term 4, version 1, nonce 12, ciphertext.
func decrypt(key []byte, path string, record []byte) ([]byte, error) {
	if len(record) < 17 || record[4] != 2 {
		return nil, errors.New("no barrier record of version 2")
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	gcm, err := cipher.NewGCM(block)
	if err != nil {
		return nil, err
	}
	return gcm.Open(nil, record[5:17], record[17:], []byte(path))
}
