from tests.factory import Api, Running


async def test_all(api: Api, running: Running):
    c = await api.openai_collection()
    print(
        await api.insert(
            c, {"_id": "a", "$vectorize": "hello world", "n": 1}, {"_id": 2, "$vectorize": "good bye", "n": 2}
        )
    )
    running.statements.clear()
    print(await api.search(c, query="hello"))
    print(running.statements.counted)
    print(await api.search(c, query="hello", filter={"n": {"$gt": 1}}))
    print(await api.search(c, query="hello", first=1))
