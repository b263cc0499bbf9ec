// Command reverseproxy is the standard library's reverse proxy, for deploy/test-proxies.sh.
package main

import (
	"log"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
)

func main() {
	if len(os.Args) != 3 {
		log.Fatal("usage: reverseproxy LISTEN http://SERVER")
	}
	server, err := url.Parse(os.Args[2])
	if err != nil {
		log.Fatal(err)
	}
	proxy := &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(server) },
		// Few connections, so that callers share them.
		Transport: &http.Transport{MaxConnsPerHost: 4, MaxIdleConnsPerHost: 4},
	}
	log.Fatal(http.ListenAndServe(os.Args[1], proxy))
}
