# shellcheck shell=bash
# Open MPI's settings for this machine. Scripts that start mpirun source this file. What the user has set is kept.

# containers often run as root, which mpirun refuses unless these are set
if [[ $(id -u) == 0 ]]; then
  export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
fi

# otherwise two runs at the same time would both be bound to the first cores
export OMPI_MCA_hwloc_base_binding_policy=${OMPI_MCA_hwloc_base_binding_policy:-none}

# With these an mpirun on a host without ranks notices within 90 to 120 s that another host is gone. That is later than
# the ranks notice it: they need run.watchdog (60 s), and then some time for a checkpoint.
export OMPI_MCA_oob_tcp_keepalive_time=${OMPI_MCA_oob_tcp_keepalive_time:-30}
export OMPI_MCA_oob_tcp_keepalive_intvl=${OMPI_MCA_oob_tcp_keepalive_intvl:-15}
export OMPI_MCA_oob_tcp_keepalive_probes=${OMPI_MCA_oob_tcp_keepalive_probes:-6}
