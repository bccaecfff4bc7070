// Conclave holds key ceremonies for a vault that an HSM seals. Package
// ui/command says what the command line promises.
package main

import (
	"os"

	"conclave/hsm/secret"
	"conclave/hsm/worker"
	"conclave/ui/command"
	"conclave/vaultstate/server/courier"
)

func main() {
	shortfalls := secret.Harden() // before anything else, in the child as well
	worker.Child()                // does not return in the process that loads the HSM's library
	courier.Child()               // nor in one that sends a request
	os.Exit(command.Run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr, shortfalls))
}
