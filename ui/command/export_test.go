package command

// For tests of records that lie on disk.
var PreviousRoster = previousRoster
