# shellcheck shell=bash
# Sourced by the scripts that start mpirun: Open MPI's settings for the machine at hand. What the user has set stays.

# containers often run as root, which mpirun refuses unless told
if [[ $(id -u) == 0 ]]; then
  export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
fi

# two runs side by side would otherwise both be bound to the first cores
export OMPI_MCA_hwloc_base_binding_policy=${OMPI_MCA_hwloc_base_binding_policy:-none}

# ranks read each other's memory by process_vm_readv; where a filter of system calls or the kernel may forbid that,
# messages go through shared memory alone
ptrace_scope=$(cat /proc/sys/kernel/yama/ptrace_scope 2>/dev/null || echo 0)
seccomp=$(sed -n 's/^Seccomp:[[:space:]]*//p' /proc/self/status 2>/dev/null || true)
if [[ $ptrace_scope -ge 2 || ${seccomp:-0} == 2 ]]; then
  export OMPI_MCA_btl_vader_single_copy_mechanism=${OMPI_MCA_btl_vader_single_copy_mechanism:-none}
fi
unset ptrace_scope seccomp
