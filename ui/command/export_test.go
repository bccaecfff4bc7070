package command

import "conclave/ceremony/plan"

// For tests of records that lie on disk.
var PreviousRoster = previousRoster

// KeysOf are the keys in a record that count for a recover.
func KeysOf(dir string) ([]plan.Known, error) {
	r, err := readRecord(dir)
	if err != nil {
		return nil, err
	}
	return keysOf(r, "KC-1"), nil
}
