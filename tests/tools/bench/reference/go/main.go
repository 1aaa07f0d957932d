// Count events in a map behind a mutex, with no durability: main HOST PORT.
package main

import (
	"log"
	"net"
	"net/http"
	"os"
	"sync"
)

type counts struct {
	delivered, bounced int
}

func main() {
	var mutex sync.Mutex
	domains := make(map[string]counts)

	http.HandleFunc("PUT /events/{domain}/{kind}", func(w http.ResponseWriter, r *http.Request) {
		domain := r.PathValue("domain")
		mutex.Lock()
		seen := domains[domain]
		if r.PathValue("kind") == "bounced" {
			seen.bounced++
		} else {
			seen.delivered++
		}
		domains[domain] = seen
		mutex.Unlock()
		w.WriteHeader(http.StatusAccepted)
	})
	log.Fatal(http.ListenAndServe(net.JoinHostPort(os.Args[1], os.Args[2]), nil))
}
