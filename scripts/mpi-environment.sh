# shellcheck shell=bash
# Sourced by the scripts that start mpirun: Open MPI's settings for the machine at hand. What the user has set stays.

# containers often run as root, which mpirun refuses unless told
if [[ $(id -u) == 0 ]]; then
  export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
fi

# two runs side by side would otherwise both be bound to the first cores
export OMPI_MCA_hwloc_base_binding_policy=${OMPI_MCA_hwloc_base_binding_policy:-none}
