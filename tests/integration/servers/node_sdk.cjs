// Calls methods of the official Node SDK's Optimize client, one after the other, and prints what came of each as JSON.
// Arguments: the folder with node_modules, and a list of [method, argument, ...]. Settings come from the environment.
const [folder, calls] = [process.argv[2], JSON.parse(process.argv[3])]
const { OptimizeApiClient } = require(`${folder}/node_modules/@camunda8/sdk/dist/optimize`)

async function main() {
    const client = new OptimizeApiClient()
    const results = []
    for (const [method, ...parameters] of calls) {
        try {
            let value = await client[method](...parameters)
            if (value && typeof value.next === 'function') value = await value.next()
            if (value && value.rawBody !== undefined) value = value.statusCode // got's whole response
            results.push({ value: value ?? null })
        } catch (error) {
            results.push({ error: error.name, status: error.statusCode ?? error.response?.statusCode ?? null })
        }
    }
    console.log(`RESULTS ${JSON.stringify(results)}`)
}

main()
