# SPDX-License-Identifier: GPL-2.0
# A proxy that is the QEMU of somebody else, as libvirt starts its domains: its vCPU runs
# when vsbypassd hears of it.

uservm_need "$SECRET2" || exit 0
cloud=$(vsbctl status | sed -n 's/^Cloud VM \([^:]*\):.*/\1/p')
bound=$(of_vm1 bound_ns)

says() { "$@" 2>&1 | grep "$want"; }
ended() { ! kill -0 "$1"; }

stage "proxy-domain: what cannot be one"
check "a QEMU with a VM of its own" dom_start
proxy=$(of_vm1 proxy_pid)
want="has no user VM 'vm9'"
check "not of a user VM that there is not" says vsbctl serve --pid "$(dom)" "$cloud" vm9 console1
want="process 1 has no KVM VM"
check "not a process that is no QEMU" says vsbctl serve --pid 1 "$cloud" vm1 console1
want="one of its proxies already"
check "not the cloud VM itself" says vsbctl serve --pid "$(l1_pid)" "$cloud" vm1 console1
check "not a proxy" says vsbctl serve --pid "$proxy" "$cloud" vm1 console1
check "the proxy is as it was" test "$(of_vm1 proxy_pid)" = "$proxy"

stage "proxy-domain: it is the proxy"
check "vsbypassd takes it" vsbctl serve --pid "$(dom)" "$cloud" vm1 console1
check "status says so" of_domain
check "who is there over SSH is told where the console is" con_wait 100 "virsh console"
con_close
check "it is the same user VM" test "$(of_vm1 bound_ns)" = "$bound"
check "the proxy of vsbypassd has ended" ended "$proxy"
con_pipes $DOM
check "its serial port is the user VM's" con_shell "$SECRET2" || logs
con_send "echo FROM-THE-DOMAIN\r"
check "what is typed there arrives" con_wait 100 "^FROM-THE-DOMAIN"
check "nothing of it came through the cloud VM" l1 "test ! -s /run/tap/vm1.log"
want="chardev-send-break charserial0"
check "a break is not vsbypassd's to send" says vsbctl send-break vm1

stage "proxy-domain: it ends"
kill -9 "$(dom)"
check "vsbypassd has a proxy again" wait_for 100 of_vsbypassd
con_close
check "SSH reaches the console" ssh_console
check "the console works" con_shell "$SECRET2"
check "it is the same user VM still" test "$(of_vm1 bound_ns)" = "$bound"
con_close

stage "proxy-domain: vsbypassd ends"
check "another QEMU" dom_start
check "vsbypassd takes it" vsbctl serve --pid "$(dom)" "$cloud" vm1 console1
kill -9 "$(cat /run/vsb/vsbypassd.pid)"
rm /run/vsb/vsbypassd.pid
# there is no service manager here that would keep its descriptor
start_daemon vsbypassd vsbypassd
check "without its descriptor it ends" wait_for 100 ended "$(dom)"
check "vsbypassd has a proxy again" wait_for 100 of_vsbypassd
check "SSH reaches the console" ssh_console
check "the console works" con_shell "$SECRET2"
con_close
