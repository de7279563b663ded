# shellcheck shell=bash
# Sourced by the scripts that start mpirun: Open MPI's settings for this machine. What the user has set stays.

# containers often run as root, which mpirun refuses unless told
if [[ $(id -u) == 0 ]]; then
  export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
fi

# two runs side by side would otherwise both be bound to the first cores
export OMPI_MCA_hwloc_base_binding_policy=${OMPI_MCA_hwloc_base_binding_policy:-none}

# mpirun on a host of its own notices within 90 to 120 s that another host is gone: after the ranks, which need
# run.watchdog (60 s) for it and some time for a checkpoint
export OMPI_MCA_oob_tcp_keepalive_time=${OMPI_MCA_oob_tcp_keepalive_time:-30}
export OMPI_MCA_oob_tcp_keepalive_intvl=${OMPI_MCA_oob_tcp_keepalive_intvl:-15}
export OMPI_MCA_oob_tcp_keepalive_probes=${OMPI_MCA_oob_tcp_keepalive_probes:-6}
