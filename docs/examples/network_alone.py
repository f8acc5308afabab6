"""The site's electrical network as a networkx graph, and the power flow by itself."""

import twin

site = twin.build(twin.Scenario.read("scenarios/base/zhongwei.toml"))
print(site.graph.number_of_nodes(), "buses,", site.graph.number_of_edges(), "branches")
network = site.network()
print("no-load losses", round(network.solve().losses_mw, 2), "MW")
network.open("T2")
print([island.buses[0] for island in network.islands() if not island.energised], "dead without T2")
