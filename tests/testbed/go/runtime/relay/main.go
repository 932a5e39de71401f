// Command relay accepts connections on an inherited listening socket and joins each to a TCP address. The socket was opened outside of the
// testbed's network namespace and stays there, the address is dialled inside: that alone is the bridge between the two.
package main

import (
	"fmt"
	"io"
	"log"
	"net"
	"os"
	"strconv"
)

type halfCloser interface{ CloseWrite() error }

func join(from, to net.Conn, done chan<- struct{}) {
	// An error ends this direction like an end of stream does; both ends learn of it by the close.
	_, _ = io.Copy(to, from)
	if half, able := to.(halfCloser); able {
		_ = half.CloseWrite()
	}
	done <- struct{}{}
}

func serve(client net.Conn, address string) {
	defer client.Close()
	server, err := net.Dial("tcp", address)
	if err != nil {
		log.Print(err)
		return
	}
	defer server.Close()
	done := make(chan struct{}, 2)
	go join(client, server, done)
	go join(server, client, done)
	<-done
	<-done
}

func run(arguments []string) error {
	if len(arguments) != 3 {
		return fmt.Errorf("arguments %q: want the number of a listening file descriptor and HOST:PORT", arguments[1:])
	}
	descriptor, err := strconv.Atoi(arguments[1])
	if err != nil {
		return fmt.Errorf("file descriptor: %w", err)
	}
	listener, err := net.FileListener(os.NewFile(uintptr(descriptor), "listener"))
	if err != nil {
		return fmt.Errorf("file descriptor %d is no listening socket: %w", descriptor, err)
	}
	for {
		client, err := listener.Accept()
		if err != nil {
			return err
		}
		go serve(client, arguments[2])
	}
}

func main() {
	if err := run(os.Args); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
