"""What the stand-ins for Cluster Autoscaler and Karpenter share: pools, machines that come and go, and what a new one could take."""
