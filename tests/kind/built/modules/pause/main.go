// The first process of every Pod: holds its namespaces and reaps what its containers orphan.
package main

import (
	"os"
	"os/signal"
	"syscall"
)

func main() {
	signals := make(chan os.Signal, 8)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM, syscall.SIGCHLD)
	for s := range signals {
		if s != syscall.SIGCHLD {
			return
		}
		for {
			var status syscall.WaitStatus
			if p, err := syscall.Wait4(-1, &status, syscall.WNOHANG, nil); p <= 0 || err != nil {
				break
			}
		}
	}
}
