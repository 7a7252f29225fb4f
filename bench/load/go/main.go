// The Go yardstick of the load bench: net/http/httputil.ReverseProxy with the duties that Weir has in the same run: a cap on
// requests in flight, a deadline for the whole exchange, a request id, counters. One file, standard library only.
package main

import (
	"context"
	"encoding/hex"
	"flag"
	"io"
	"log"
	"math/rand"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"sync"
	"sync/atomic"
	"time"
)

type buffers struct{ pool sync.Pool }

func (b *buffers) Get() []byte  { return b.pool.Get().([]byte) }
func (b *buffers) Put(x []byte) { b.pool.Put(x) }

type counting struct {
	http.ResponseWriter
	status int
}

func (c *counting) WriteHeader(status int) {
	c.status = status
	c.ResponseWriter.WriteHeader(status)
}

func (c *counting) Flush() {
	if f, ok := c.ResponseWriter.(http.Flusher); ok {
		f.Flush()
	}
}

func main() {
	listen := flag.String("listen", "127.0.0.1:0", "address")
	origin := flag.String("origin", "", "URL of the origin")
	limit := flag.Int("cap", 512, "requests in flight")
	idle := flag.Int("idle", 0, "idle connections kept to the origin; 0 = net/http's default, which is 2")
	timeout := flag.Duration("timeout", 5*time.Second, "deadline of an exchange")
	flag.Parse()

	target, err := url.Parse(*origin)
	if err != nil || target.Host == "" {
		log.Fatalf("-origin %q is not a URL", *origin)
	}
	proxy := httputil.NewSingleHostReverseProxy(target)
	forward := proxy.Director
	proxy.Director = func(r *http.Request) {
		r.Header.Set("X-Forwarded-Host", r.Host)
		r.Header.Set("X-Forwarded-Proto", "http")
		forward(r)
	}
	proxy.ErrorLog = log.New(io.Discard, "", 0)
	if *idle > 0 {
		proxy.BufferPool = &buffers{sync.Pool{New: func() any { return make([]byte, 32*1024) }}}
		proxy.Transport = &http.Transport{
			DialContext:         (&net.Dialer{Timeout: 500 * time.Millisecond}).DialContext,
			MaxIdleConnsPerHost: *idle,
			MaxIdleConns:        *idle,
			DisableCompression:  true,
			IdleConnTimeout:     75 * time.Second,
		}
	}

	slots := make(chan struct{}, *limit)
	var byClass [6]atomic.Uint64
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		select {
		case slots <- struct{}{}:
		default:
			w.Header().Set("Retry-After", "1")
			http.Error(w, "at capacity", http.StatusServiceUnavailable)
			return
		}
		ctx, cancel := context.WithTimeout(r.Context(), *timeout)
		counted := &counting{ResponseWriter: w, status: 200}
		defer func() {
			cancel()
			<-slots
			byClass[counted.status/100%6].Add(1)
		}()
		var id [16]byte
		rand.Read(id[:])
		requestID := hex.EncodeToString(id[:])
		r.Header.Set("X-Request-Id", requestID)
		w.Header().Set("X-Request-Id", requestID)
		proxy.ServeHTTP(counted, r.WithContext(ctx))
	})
	server := &http.Server{Addr: *listen, Handler: handler, ReadHeaderTimeout: 10 * time.Second, IdleTimeout: 75 * time.Second}
	log.Fatal(server.ListenAndServe())
}
