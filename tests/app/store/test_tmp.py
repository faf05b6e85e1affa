import time
import tests.app.store.test_neighbour as T
from tests.app.store.test_neighbour import eager, pytest, np
from app.store.identifier import Arguments
from app.store import neighbour
async def test_x(connection):
    for dim, n in ((1536, 400), (1536, 1000), (1536, 4000), (2500,1000), (64, 20000)):
        vs = T.meaningful(n, dim, seed=1)
        home = await T.made(connection, vs)
        q = T.meaningful(5, dim, seed=2)
        for given in (None, {"n":{"$lt":50}}, {"n": 1}):
            neighbour.FEW_MATCHES=2
            a=Arguments(); st="with "+neighbour._statement(home, q[0], T.Wanted(body=True), given, None, 11, a)
            for i in range(2):
                plan="\n".join(r[0] for r in await connection.fetch("explain (analyze) "+st,*a))
            used = "_vector on" in plan
            best=[l for l in plan.splitlines() if "Execution" in l or "Planning T" in l]
            print(dim,n,given, used, best)
